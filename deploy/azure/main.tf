# A storage account and a container for the leases, a role that may use it, and an identity of the programs.
terraform {
  required_version = ">= 1.6"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.0"
    }
  }
}

provider "azurerm" {
  features {}
  storage_use_azuread = true # the storage account has no keys
}

variable "location" {
  type    = string
  default = "westeurope"
}

variable "account" {
  description = "the name of the storage account: 3 to 24 lower-case letters and digits"
  type        = string
}

variable "role" {
  description = "leader, observer or fleet: which permissions the programs get"
  type        = string
  default     = "leader"
}

resource "azurerm_resource_group" "orders" {
  name     = "orders"
  location = var.location
}

resource "azurerm_storage_account" "leases" {
  name                            = var.account
  resource_group_name             = azurerm_resource_group.orders.name
  location                        = azurerm_resource_group.orders.location
  account_tier                    = "Standard"
  account_replication_type        = "ZRS"
  shared_access_key_enabled       = false
  allow_nested_items_to_be_public = false
}

resource "azurerm_storage_container" "leases" {
  name               = "leases"
  storage_account_id = azurerm_storage_account.leases.id
}

locals {
  role = jsondecode(file("${path.module}/roles/${var.role}.json"))
}

resource "azurerm_role_definition" "node" {
  name        = local.role.Name
  description = local.role.Description
  scope       = azurerm_resource_group.orders.id

  permissions {
    actions      = local.role.Actions
    data_actions = local.role.DataActions
  }
}

resource "azurerm_user_assigned_identity" "node" {
  name                = "orders"
  resource_group_name = azurerm_resource_group.orders.name
  location            = azurerm_resource_group.orders.location
}

resource "azurerm_role_assignment" "node" {
  scope              = azurerm_storage_container.leases.id
  role_definition_id = azurerm_role_definition.node.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.node.principal_id
}
